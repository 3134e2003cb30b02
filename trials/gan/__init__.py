"""The two players, one step of either, and measures of the game itself."""
