"""A stand-in for ESMValCore, as esmvaltool beside it."""
