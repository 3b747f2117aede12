"""Business partners: the table of whom one deals with, and which of them a name as read means."""
