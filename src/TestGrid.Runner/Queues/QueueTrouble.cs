namespace TestGrid.Runner.Queues;

/// <summary>What is wrong with a queue. Neither part holds a secret.</summary>
/// <param name="Words">Which queue, where and why, in words for a page, an answer and a log.</param>
/// <param name="Remedy">A line to paste where the words point to, with the names filled in.</param>
public sealed record QueueTrouble(string Words, string Remedy);
