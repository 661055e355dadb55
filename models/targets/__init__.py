"""One file a target; ``models.target`` finds them. A new file here is a new target and nothing else has to change."""
