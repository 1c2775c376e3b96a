namespace TestGrid.Cli.Diagnosis;

/// <summary>Do orders get from the scheduler to the runners.</summary>
internal static class QueueCheck
{
    public const string Part = "queue";

    public static IEnumerable<Finding> Examine(Ground ground)
    {
        yield return Finding.Ok(Part, "embedded", $"a table of the store in {ground.Settings.DataPath}");
    }
}
