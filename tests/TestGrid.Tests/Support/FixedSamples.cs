using CsCheck;
using Xunit.Sdk;

namespace TestGrid.Tests.Support;

/// <summary>Samples of a generator that are the same in every run: a red test is red again.</summary>
internal static class FixedSamples
{
    private const ulong Seed = 20_13;

    /// <param name="gen">What makes them.</param>
    /// <param name="check">Throws where one is wrong.</param>
    /// <param name="count">How many.</param>
    public static void Each<T>(this Gen<T> gen, Action<T> check, int count)
    {
        for (uint number = 0; number < count; number++)
        {
            var sample = gen.Generate(new PCG(number, Seed), null, out _);
            try
            {
                check(sample);
            }
            catch (Exception e)
            {
                throw new XunitException($"sample {number}, {Check.Print(sample)}: {e.Message}", e);
            }
        }
    }
}
