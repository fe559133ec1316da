"""Running compiled code: calls, devices and their memory, and the ledger of what moves."""
