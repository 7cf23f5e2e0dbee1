//! One row of a batch, in all forms that a line may have.
