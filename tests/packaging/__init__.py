"""What is shipped: the distributions, the image, the examples."""
