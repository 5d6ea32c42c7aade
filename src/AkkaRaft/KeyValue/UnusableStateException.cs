namespace AkkaRaft.KeyValue;

/// <summary>
/// The state's file holds something else than was written, proven by a checksum or by SQLite, or is of another version: it is put aside, and the state
/// begins anew. The message names the file and says what was found.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="found">What was found there: a predicate.</param>
/// <param name="cause">The cause; null when a checksum proves it.</param>
internal sealed class UnusableStateException(string file, string found, Exception? cause = null) : Exception($"{file} {found}", cause);
