using System.Collections.Concurrent;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Reporting;

namespace TestGrid.Server.Recording;

/// <summary>
/// The answers to claims over HTTP, kept for a minute and in memory alone: a runner whose answer was lost on its way asks
/// again and gets the same one. Without it the job would be claimed by nobody, until its lease ran out.
/// </summary>
public sealed class ClaimAnswers(Recorder recorder, TimeProvider time)
{
    private static readonly TimeSpan KeepTime = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(long Token, string Nonce), GivenClaim> answers = new();

    public Task<JobClaim?> ClaimAsync(long token, string nonce, JobId job, string runner)
    {
        Forget();
        // Not the caller's own cancellation: the answer is for whoever asks again, too.
        return answers
            .GetOrAdd(
                (token, nonce),
                _ => new GivenClaim(
                    time.GetTimestamp(),
                    new Lazy<Task<JobClaim?>>(() => recorder.ClaimAsync(job, runner, CancellationToken.None).AsTask())
                )
            )
            .Claim.Value;
    }

    private void Forget()
    {
        foreach (var (key, answer) in answers)
        {
            if (time.GetElapsedTime(answer.AskedAt) > KeepTime)
                answers.TryRemove(key, out _);
        }
    }

    private sealed record GivenClaim(long AskedAt, Lazy<Task<JobClaim?>> Claim);
}
