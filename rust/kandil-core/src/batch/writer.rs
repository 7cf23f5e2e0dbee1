//! A thread that appends whole lines, and syncs them in groups.
