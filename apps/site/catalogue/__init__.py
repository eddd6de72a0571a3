"""Models and prices as somebody sees them who has no workspace yet: on the plan that everybody starts with."""
