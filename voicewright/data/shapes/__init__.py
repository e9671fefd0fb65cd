"""What sources are made into. A shape is a function registered by `base.shape`, in a module found by being here."""
