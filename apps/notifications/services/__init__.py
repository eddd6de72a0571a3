"""Everything that changes a task: create, dispatch, execute, finish, cancel, sweep."""
