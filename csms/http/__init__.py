"""HTTP: what pages and REST share."""
