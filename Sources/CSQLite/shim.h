#include <sqlite3.h>

// Variadic, so Swift cannot import it. Counting its memory costs SQLite a lock at each of its many allocations. To be called before
// anything else of SQLite.
static inline int gh_sqlite_counts_no_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
