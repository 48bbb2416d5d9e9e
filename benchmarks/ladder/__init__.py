"""The ladder: how the field learnt to see lanes, every rung measured by one yardstick."""
