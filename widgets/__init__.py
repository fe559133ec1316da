"""The views: models in plain Python and their front end."""
