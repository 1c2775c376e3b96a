namespace TestGrid.Scenarios.Support;

internal static class Until
{
    /// <summary>Waits for something outside of our processes, where nothing rings: the kernel's own clean-up.</summary>
    public static async Task TrueAsync(Func<bool> condition, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        while (!condition())
            await timer.WaitForNextTickAsync(patience.Token);
    }
}
