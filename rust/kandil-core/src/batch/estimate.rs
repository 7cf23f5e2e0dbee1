//! How many tokens a text may have, without its model's tokenizer.
