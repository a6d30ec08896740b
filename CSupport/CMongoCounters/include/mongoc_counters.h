// Keeps libmongoc's counters from staying in shared memory behind a process that was killed.
//
// The library puts them into the file mongoc-<process id> below /dev/shm when it is loaded, before `main`, and removes
// it at an exit in order only. A process that gets the id of a killed one then says on standard error that the name is
// taken. Nobody reads our counters by that name, so what is linked with this unlinks it twice: before the library is
// loaded, where it can only be a dead process's, or that of another process number space that shares the folder; and
// right behind that, so that the memory ends with the process, however that ends.
//
// Nothing is to be called: an executable that links this target does it at its start, on its first thread. Cost: two
// system calls. Failures, such as a file of another user's, change nothing; the library then keeps its counters on the
// heap.

#ifndef TICKLINE_MONGOC_COUNTERS_H
#define TICKLINE_MONGOC_COUNTERS_H

#endif
