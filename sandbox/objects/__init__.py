"""The handlers of the operations, a module an object (or a part of one)."""
