"""The parts of `scripts/bench tracker`: clips with their truth, the methods that follow faces, and the scores."""
