"""Links that open the form of an experiment, filled in: queries, signatures, lines to share."""
