"""The Seldon classes: the router and the forecasters."""
