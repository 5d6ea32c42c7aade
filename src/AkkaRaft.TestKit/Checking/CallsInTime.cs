namespace AkkaRaft.TestKit.Checking;

/// <summary>Calls and answers in order of time, as a doubly linked list out of which what was put in order is taken, and into which it is put back.</summary>
internal sealed class CallsInTime
{
    private readonly (int Operation, bool IsCall)[] _events;
    private readonly int[] _next;
    private readonly int[] _previous;
    private readonly int[] _answerOf;
    private readonly bool[] _taken;

    /// <param name="times">When each was called, and when it was answered; null for one that was not.</param>
    public CallsInTime(IReadOnlyList<(long Called, long? Answered)> times)
    {
        var events = new List<(long Place, int Operation, bool IsCall)>();
        for (var i = 0; i < times.Count; i++)
        {
            events.Add((times[i].Called, i, true));
            if (times[i].Answered is { } answered) events.Add((answered, i, false));
        }
        events.Sort();
        // The first and the last are the list's ends.
        _events = [(-1, false), .. events.Select(e => (e.Operation, e.IsCall)), (-1, false)];
        _next = [.. Enumerable.Range(1, _events.Length)];
        _previous = [.. Enumerable.Range(-1, _events.Length)];
        _answerOf = new int[times.Count];
        for (var i = 1; i < _events.Length - 1; i++)
            if (!_events[i].IsCall) _answerOf[_events[i].Operation] = i;
        _taken = new bool[times.Count];
    }

    /// <summary>The first event that is left.</summary>
    public int First => _next[0];

    /// <summary>Whose call or answer it is.</summary>
    public (int Operation, bool IsCall) this[int at] => _events[at];

    /// <summary>The next event that is left.</summary>
    public int After(int at) => _next[at];

    /// <summary>The one before that is left; 0 when there is none.</summary>
    public int Before(int at) => _previous[at];

    /// <summary>Whether the operation is in order already.</summary>
    public bool IsTaken(int operation) => _taken[operation];

    /// <summary>Puts the operation that is called there in order.</summary>
    public void Take(int call)
    {
        var operation = _events[call].Operation;
        _taken[operation] = true;
        Unlink(call);
        if (_answerOf[operation] > 0) Unlink(_answerOf[operation]);
    }

    /// <summary>Undoes the last <see cref="Take"/> that is not undone.</summary>
    public void PutBack(int call)
    {
        var operation = _events[call].Operation;
        _taken[operation] = false;
        if (_answerOf[operation] > 0) Link(_answerOf[operation]);
        Link(call);
    }

    private void Unlink(int at)
    {
        _next[_previous[at]] = _next[at];
        _previous[_next[at]] = _previous[at];
    }

    private void Link(int at)
    {
        _next[_previous[at]] = at;
        _previous[_next[at]] = at;
    }
}
