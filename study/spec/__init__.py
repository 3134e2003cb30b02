"""What a study file says: tables, search space, rules, messages."""
