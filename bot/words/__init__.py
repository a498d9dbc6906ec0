"""Every sentence that is said to people on GitHub: comments, checks, replies. Pure, and held to golden files."""
