"""Claims as data: what a paper says, the stored rows and the test that decide it, the verdict."""
