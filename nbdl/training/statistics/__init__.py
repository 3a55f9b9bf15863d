"""What a run takes down while it trains: curves, gradients and outputs of layers."""
