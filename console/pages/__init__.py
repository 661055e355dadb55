"""One file a page. Each reads, shapes and renders; SQL is in console.queries, words in console.words."""
