using Akka.Event;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>A candidate first asks who would vote for it (§9.6), and only with a quorum of those spends a term on an election (§3.4).</summary>
internal sealed partial class RaftActor
{
    /// <summary>
    /// Voters do, and whom an entry made none that is not committed: by the configuration before it the others may lack this one's vote,
    /// and cannot have it, since its log is longer (§4.2.2). Its own vote counts only by the configuration in force.
    /// </summary>
    private bool IsVoter => _log.Configuration.IsVoter(Me)
        || (_log.ConfigurationIndex > Math.Max(_commitIndex, _log.BaseIndex) && _log.ConfigurationAt(_log.ConfigurationIndex - 1).IsVoter(Me));

    private bool MayCampaign => HasBegun && IsVoter;

    // Eight times an election timeout is the longest that a round of votes is given.
    private const int MostDoublings = 3;

    private int _fruitless;

    /// <summary>How many times as long as usual others are waited for: twice as long after each election in a row that brought no leader with a quorum, since disks may be slow.</summary>
    private int Patience => 1 << Math.Min(_fruitless, MostDoublings);

    private void AskForPreVotes()
    {
        BecomeCandidate(isPreVote: true);
        foreach (var voter in Peers.Where(p => _log.Configuration.IsVoter(p.Id)))
            Send(voter, h => new PreVote(h with { Term = _term + 1 }, _log.LastIndex, _log.LastTerm));
        Granted(Me);
    }

    private void Campaign(bool leadershipTransfer)
    {
        SetTermAndVote(_term + 1, Me);
        BecomeCandidate(isPreVote: false);
        _fruitless++;
        _logger.Info("Member {0} campaigns at term {1}.", Me, _term);
        // The own vote counts, and others are asked, once it is durable.
        AfterDurable(0, () =>
        {
            foreach (var voter in Peers.Where(p => _log.Configuration.IsVoter(p.Id)))
                Send(voter, h => new RequestVote(h, _log.LastIndex, _log.LastTerm, leadershipTransfer));
            Granted(Me);
        });
    }

    private void BecomeCandidate(bool isPreVote)
    {
        _leader = null;
        _follower = null;
        // The own vote is written first, then theirs.
        _candidate = new CandidateState(isPreVote, Now + (isPreVote ? RandomElectionTimeout() : Patience * RandomElectionTimeout() + 2 * _writeTime.Longest));
        WakeAt(_candidate.Deadline);
        Become(Candidate);
    }

    private void Candidate(object message)
    {
        if (HandledAlike(message) || _candidate is null) return;
        switch (message)
        {
            case PreVoteReply { Granted: true } reply when _candidate.IsPreVote && reply.Header.Term == _term + 1:
                Granted(reply.Header.From);
                break;
            case RequestVoteReply { Granted: true } reply when !_candidate.IsPreVote && reply.Header.Term == _term:
                Granted(reply.Header.From);
                break;
            case AppendEntries or InstallSnapshot:
                // Another won this term.
                BecomeFollower(_term, leader: null);
                Follower(message);
                break;
            case RequestVote request when _candidate.IsPreVote:
                // No term was spent yet, and the vote of this one may still be free.
                BecomeFollower(_term, leader: null);
                Follower(request);
                break;
            case RequestVote request:
                AfterDurable(0, () => Send(request.Header.From, h => new RequestVoteReply(h, Granted: false)));
                break;
            case PreVote request:
                AnswerPreVote(request);
                break;
            case Wake:
                if (Now < _candidate.Deadline) WakeAt(_candidate.Deadline);
                else if (JournalStuck) BecomeFollower(_term, leader: null);
                else AskForPreVotes();
                break;
            case Submit submit:
                Refuse(submit.RequestId, RefusalReason.NotLeader, "An election is on.");
                break;
            case Read read:
                Refuse(read.RequestId, RefusalReason.NotLeader, "An election is on.");
                break;
            case TransferLeadership transfer:
                Refuse(transfer.RequestId, RefusalReason.NotLeader, "An election is on.");
                break;
            // Refusals and late answers; a candidate campaigns already, and greets nobody.
            case PreVoteReply or RequestVoteReply or AppendEntriesReply or InstallSnapshotReply or TimeoutNow or Hello or HelloReply or Pump:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Granted(MemberId voter)
    {
        if (_candidate is null) return;
        _candidate.Grants.Add(voter);
        if (!_log.Configuration.HasQuorum(_candidate.Grants.Contains)) return;
        if (_candidate.IsPreVote) Campaign(leadershipTransfer: false);
        else BecomeLeader();
    }
}
