"""The detector: finds faces with five landmarks in the frames that are due."""
