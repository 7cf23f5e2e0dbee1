//! Bodies of requests and answers, between OpenAI's form and the provider's.
