"""Source locations and the errors a user can cause."""
