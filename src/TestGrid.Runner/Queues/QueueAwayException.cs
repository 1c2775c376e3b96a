namespace TestGrid.Runner.Queues;

/// <summary>The queue cannot be used now; trying again may help. Its message is the trouble's words.</summary>
public sealed class QueueAwayException(QueueTrouble trouble) : Exception(trouble.Words)
{
    /// <summary>The same with its remedy.</summary>
    public QueueTrouble Trouble { get; } = trouble;
}
