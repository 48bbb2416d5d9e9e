"""Archives: many drives, faults in the middle, and what more workers bring."""
