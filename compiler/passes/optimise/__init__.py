"""Passes that keep the meaning and make the program smaller or plainer."""
