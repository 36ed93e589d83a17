"""What archives ask of results: whether they have the luma of their sources, and the sources back."""
