"""deduct_user_credits against the bare baseline of DESIGN §11, side by side on one server."""
