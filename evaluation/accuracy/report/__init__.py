"""The failures as a web page: a folder that needs nothing beside itself."""
