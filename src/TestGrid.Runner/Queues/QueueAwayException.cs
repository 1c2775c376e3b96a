namespace TestGrid.Runner.Queues;

/// <summary>The queue cannot be used now. The message says in words which, where and why; trying again may help.</summary>
public sealed class QueueAwayException(string message) : Exception(message);
