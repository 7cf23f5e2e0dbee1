//! Where in a file the rows of each model are, and which are done.
