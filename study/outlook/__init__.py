"""What a study will tell and take, before it runs: effects, costs, time, and the design that tells enough."""
