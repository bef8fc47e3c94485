"""How good a fleet is: folds, metrics, the choice of a variant, calibration, plots."""
