"""History -> fleet: read, validate, fit, judge, register."""
