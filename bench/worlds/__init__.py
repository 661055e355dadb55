"""What the bench on simulated worlds is made of: a world in a lake, its truth, and the three things it must show."""
