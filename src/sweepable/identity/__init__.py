"""What makes two calls the same: digests of values, of code, and the key made of them."""
