"""Things turned into records: what views and text twins show."""
