"""The page at ``/``: static files, and the two routes that serve them.

::

    static/  app.js ─► read_view.js ─► page_viewer.js, fields_panel.js … ─► api.js ─► POST /v1/ocr
                  └──► jobs_view.js ─► job_card.js, results_list.js … ─► jobs_api.js ─► the bulk API
    site.py  the files as they are served, named by their digest
    routes.py  GET /, GET /page/{digest}/{name}

Plain HTML, CSS and ES modules: nothing is built, nothing comes from another origin, and text of a document or of its
name is only ever put in as ``textContent`` (Trusted Types hold the page to it). docs/page.md has the rest.
"""
